/** The token in what was pasted: the whole link from the terminal, or only its end. */
export function setupTokenFrom(pasted: string): string {
  const text = pasted.trim();
  const match = /[?&]setup=([^&#\s]+)/.exec(text);
  return match?.[1] ? decodeURIComponent(match[1]) : text;
}
