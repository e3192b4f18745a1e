import type { ProviderKey, ProviderKeyIn, ProviderKeyPatch, Vendor } from "@/api";

export type KeyValues = {
  vendor: string;
  label: string;
  secret: string;
  tag: string;
  base_url: string;
  api_type: NonNullable<ProviderKeyIn["api_type"]> | null;
  notes: string;
  enabled: boolean;
};

export function valuesOf(key: ProviderKey | undefined, vendor: Vendor | undefined): KeyValues {
  return {
    vendor: key?.vendor ?? vendor?.id ?? "",
    label: key?.label ?? vendor?.name ?? "",
    secret: "",
    tag: key?.tag ?? "",
    base_url: key?.base_url ?? "",
    api_type: (key?.api_type as KeyValues["api_type"]) ?? null,
    notes: key?.notes ?? "",
    enabled: key?.enabled ?? true,
  };
}

const orNull = (text: string): string | null => text.trim() || null;

export function keyToCreate(values: KeyValues): ProviderKeyIn {
  return {
    vendor: values.vendor,
    label: values.label.trim(),
    secret: orNull(values.secret),
    tag: orNull(values.tag),
    base_url: orNull(values.base_url),
    api_type: values.vendor === "custom" ? values.api_type : null,
    notes: values.notes,
    enabled: values.enabled,
  };
}

/** Only what was changed: a secret that nobody typed stays as it is. */
export function keyToPatch(values: KeyValues, key: ProviderKey): ProviderKeyPatch {
  const patch: ProviderKeyPatch = {};
  if (values.label.trim() !== key.label) patch.label = values.label.trim();
  if (orNull(values.secret)) patch.secret = orNull(values.secret);
  if (orNull(values.tag) !== key.tag) patch.tag = orNull(values.tag);
  if (orNull(values.base_url) !== key.base_url) patch.base_url = orNull(values.base_url);
  if (values.api_type !== key.api_type) patch.api_type = values.api_type;
  if (values.notes !== key.notes) patch.notes = values.notes;
  if (values.enabled !== key.enabled) patch.enabled = values.enabled;
  return patch;
}
