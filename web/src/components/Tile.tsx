import { Text } from "@mantine/core";

export function Tile({ label, value, note }: { label: string; value: string; note?: string }) {
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
    </div>
  );
}
