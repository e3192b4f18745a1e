import { Badge, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

type Props = { title: string; help?: string; note?: string; children: ReactNode };

/** A part of a form, with what it is about and when a change of it takes effect. */
export function Section({ title, help, note, children }: Props) {
  return (
    <Stack component="section" className="panel" p={{ base: "md", sm: "lg" }} gap="md" aria-label={title}>
      <div>
        <Group justify="space-between" gap="xs">
          <Title order={2} fz="md">
            {title}
          </Title>
          {note && (
            <Badge variant="light" color="gray" tt="none" fw={550}>
              {note}
            </Badge>
          )}
        </Group>
        {help && (
          <Text size="sm" c="dimmed">
            {help}
          </Text>
        )}
      </div>
      {children}
    </Stack>
  );
}
