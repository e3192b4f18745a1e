import { Group, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";

type Props = { title: string; description?: ReactNode; actions?: ReactNode };

export function PageHeader({ title, description, actions }: Props) {
  usePageTitle(title);
  return (
    <Group justify="space-between" align="flex-start" gap="md" mb="lg">
      <Stack gap={4} style={{ flex: "1 1 16rem" }}>
        <Title order={1}>{title}</Title>
        {description && (
          <Text c="dimmed" size="sm" maw="44rem">
            {description}
          </Text>
        )}
      </Stack>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}

export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ClawBotManager`;
  }, [title]);
}
