const MAX_LENGTH = 64;
export const HOSTNAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])$/;
/** Paths of the API that are not names. */
export const RESERVED = new Set(["stats", "admin", "templates", "new", "health"]);

/** A hostname made from a name: its Latin letters and digits, joined by hyphens; "bot" and a number when there are none. */
export function suggestHostname(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_LENGTH)
    .replace(/^-+|-+$/g, "");
  if (plain.length < 2) return name.trim() === "" ? "" : `bot-${plain || checksum(name)}`;
  return RESERVED.has(plain) ? `${plain}-bot` : plain;
}

export function isHostname(value: string): boolean {
  return value.length <= MAX_LENGTH && HOSTNAME.test(value) && !RESERVED.has(value);
}

function checksum(text: string): string {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 46_656;
  return sum.toString(36).padStart(3, "0");
}
