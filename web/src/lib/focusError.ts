type Form = { getInputNode: (path: string) => HTMLElement | null };

/** Takes the user to the first wrong field, which may be out of sight on a long form. */
export function focusFirstError(form: Form, errors: object): void {
  const fields = Object.keys(errors)
    .map((path) => form.getInputNode(path))
    .filter((field) => field !== null);
  fields.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  fields[0]?.focus();
  fields[0]?.scrollIntoView({ block: "center" });
}
