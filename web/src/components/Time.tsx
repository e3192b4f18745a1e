import { useTranslation } from "react-i18next";
import { formatAgo, formatDateTime, NOTHING } from "@/lib/format";

export function Ago({ at, never }: { at: string | null | undefined; never?: string }) {
  // Drawn again when the language changes.
  useTranslation();
  if (!at) return <span>{never ?? NOTHING}</span>;
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatAgo(at)}
    </time>
  );
}
