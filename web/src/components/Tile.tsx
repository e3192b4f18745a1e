import { Text } from "@mantine/core";
import type { ReactNode } from "react";

type Props = { label: string; value: string; note?: string; children?: ReactNode };

export function Tile({ label, value, note, children }: Props) {
  return (
    <div className="panel" style={{ padding: "0.75rem 1rem" }}>
      <Text size="xs" c="dimmed" fw={550}>
        {label}
      </Text>
      <Text fz="xl" fw={650} lh={1.35} style={{ fontVariantNumeric: "tabular-nums" }}>
        {value}
      </Text>
      {note && (
        <Text size="xs" c="dimmed">
          {note}
        </Text>
      )}
      {children}
    </div>
  );
}
