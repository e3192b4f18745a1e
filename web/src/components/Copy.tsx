import { ActionIcon, Button, Code, Group, Stack, Text } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { copyText } from "@/lib/clipboard";

function useCopied(text: string) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return { copied, copy: async () => setCopied(await copyText(text)) };
}

export function CopyIcon({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopied(text);
  const says = copied ? t("action.copied") : label;
  return (
    <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={says} title={says}>
      {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
    </ActionIcon>
  );
}

export function CopyButton({ text, children }: { text: string; children: string }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopied(text);
  return (
    <Button
      variant={copied ? "light" : "filled"}
      leftSection={
        copied ? <IconCheck size={16} aria-hidden="true" /> : <IconCopy size={16} aria-hidden="true" />
      }
      onClick={copy}
    >
      {copied ? t("action.copied") : children}
    </Button>
  );
}

/** A labelled text that is there to be copied. */
export function CopyField({ label, text, block = false }: { label: string; text: string; block?: boolean }) {
  const { t } = useTranslation();
  return (
    <Stack gap={4}>
      <Text size="sm" fw={550}>
        {label}
      </Text>
      <Group gap={4} wrap="nowrap" align="flex-start">
        <Code
          block
          flex={1}
          miw={0}
          style={block ? undefined : { overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}
          tabIndex={block ? 0 : undefined}
        >
          {text}
        </Code>
        <CopyIcon text={text} label={t("action.copyThing", { thing: label })} />
      </Group>
    </Stack>
  );
}
