import { ActionIcon, Alert, Button, Group, Loader, Text, Textarea } from "@mantine/core";
import { IconMessageCircle, IconPlayerStopFilled, IconRefresh, IconSend2 } from "@tabler/icons-react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { ErrorAlert, SimulatedBadge } from "@/components";
import classes from "./ChatTab.module.css";
import { chatWith, type Message } from "./chat";

const MAX_MESSAGE = 32_000;

export function ChatTab({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const store = chatWith(bot);
  const { messages, busy } = useSyncExternalStore(store.subscribe, store.snapshot);
  const [text, setText] = useState("");
  const log = useRef<HTMLDivElement>(null);
  const pinned = useRef(true);
  const running = bot.status.state === "running";

  // biome-ignore lint/correctness/useExhaustiveDependencies: new text is the reason to scroll
  useEffect(() => {
    if (pinned.current) log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [messages]);

  function submit(event?: FormEvent) {
    event?.preventDefault();
    if (busy || !running || text.trim() === "") return;
    pinned.current = true;
    void store.send(text.trim());
    setText("");
  }

  function onKeyDown(event: KeyboardEvent) {
    // While an input method is composing, Enter picks a word.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  }

  return (
    <section className={`panel ${classes.chat}`} aria-label={t("chat.with", { name: bot.name })}>
      <Group justify="space-between" className={classes.head} wrap="nowrap">
        <Group gap={8}>
          <Text size="sm" fw={600}>
            {bot.persona.name}
          </Text>
          <Text size="xs" c="dimmed" className="mono" visibleFrom="xs">
            {bot.primary_model}
          </Text>
          {bot.is_simulated && <SimulatedBadge />}
        </Group>
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          leftSection={<IconRefresh size={14} aria-hidden="true" />}
          disabled={messages.length === 0}
          style={{ flex: "none" }}
          onClick={() => store.reset()}
        >
          {t("chat.new")}
        </Button>
      </Group>
      <div
        ref={log}
        className={classes.log}
        role="log"
        aria-label={t("chat.log")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: area }) => {
          pinned.current = area.scrollHeight - area.scrollTop - area.clientHeight < 40;
        }}
      >
        {messages.length === 0 ? (
          <div className={classes.empty}>
            <IconMessageCircle size={28} aria-hidden="true" />
            <Text size="sm">
              {running ? t("chat.empty", { name: bot.persona.name }) : t("chat.notRunning")}
            </Text>
          </div>
        ) : (
          messages.map((message) => (
            <Bubble key={message.id} message={message} name={bot.persona.name} busy={busy} />
          ))
        )}
      </div>
      <form onSubmit={submit} className={classes.compose}>
        {!running && messages.length > 0 && (
          <Alert color="orange" p="xs" mb="xs">
            {t("chat.notRunning")}
          </Alert>
        )}
        <Group align="flex-end" gap="xs" wrap="nowrap">
          <Textarea
            aria-label={t("chat.message")}
            placeholder={t("chat.placeholder")}
            autosize
            minRows={1}
            maxRows={8}
            maxLength={MAX_MESSAGE}
            flex={1}
            value={text}
            disabled={!running}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={onKeyDown}
          />
          {busy ? (
            <ActionIcon
              size={36}
              color="red"
              aria-label={t("chat.stop")}
              title={t("chat.stop")}
              onClick={() => store.stop()}
            >
              <IconPlayerStopFilled size={18} />
            </ActionIcon>
          ) : (
            <ActionIcon
              size={36}
              type="submit"
              aria-label={t("chat.send")}
              title={t("chat.send")}
              disabled={!running || text.trim() === ""}
            >
              <IconSend2 size={18} />
            </ActionIcon>
          )}
        </Group>
      </form>
    </section>
  );
}

function Bubble({ message, name, busy }: { message: Message; name: string; busy: boolean }) {
  const { t } = useTranslation();
  const { from, text, error, stopped } = message;
  const waiting = from === "bot" && text === "" && !error && !stopped && busy;
  return (
    <div className={classes.message} data-from={from}>
      <Text size="xs" c="dimmed" fw={550}>
        {from === "user" ? t("chat.you") : name}
      </Text>
      {text && <div className={classes.text}>{text}</div>}
      {waiting && <Loader size="xs" type="dots" aria-label={t("chat.waiting")} />}
      {stopped && (
        <Text size="xs" c="dimmed">
          {t("chat.stopped")}
        </Text>
      )}
      {error && <ErrorAlert error={error} title={t("chat.failed")} />}
    </div>
  );
}
