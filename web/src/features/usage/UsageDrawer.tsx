import { Anchor, Drawer, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Usage } from "@/api";
import { CopyIcon, Pill, SimulatedBadge } from "@/components";
import { useVendorName } from "@/features/keys";
import { formatDateTime, formatMilliseconds, NOTHING } from "@/lib/format";
import classes from "./UsageDrawer.module.css";
import { attemptKey, attemptText, codeText, countText, detailsOf, outcomeTone } from "./words";

/** Mantine makes the title bar a `header`, which outside of a section would be a second banner of the page. */
const NOT_A_BANNER = { header: { role: "presentation" } };

/** All that is known of one request. `row` null = closed; the last one stays while it closes. */
export function UsageDrawer({ row, opened, onClose }: { row?: Usage; opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position="right"
      size="md"
      title={t("usage.opened")}
      closeButtonProps={{ "aria-label": t("action.close") }}
      attributes={NOT_A_BANNER}
    >
      {row && <Details row={row} />}
    </Drawer>
  );
}

function Details({ row }: { row: Usage }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  const details = detailsOf(row);
  const count = (value: number | null) => countText(value, row.usage_source);
  return (
    <Stack gap="lg">
      <Stack gap={6}>
        <Text fw={650} className="mono" style={{ overflowWrap: "anywhere" }}>
          {row.model_answered ?? row.model_asked ?? t("usage.noModel")}
        </Text>
        <Group gap="xs">
          <Pill tone={outcomeTone(row)}>{String(row.status)}</Pill>
          <Text size="sm">{vendorName(row.vendor)}</Text>
          {row.is_simulated && <SimulatedBadge />}
        </Group>
        {row.error_code && (
          <Text size="sm">
            {codeText(row.error_code)}{" "}
            <Text span size="xs" c="dimmed" className="mono">
              {row.error_code}
            </Text>
          </Text>
        )}
      </Stack>

      <Section title={t("usage.tokens")}>
        <Facts>
          <Fact label={t("usage.inputTokens")}>{count(row.input_tokens)}</Fact>
          <Part label={t("usage.cacheRead")} value={row.cache_read_tokens} shown={count} />
          <Part label={t("usage.cacheWrite")} value={row.cache_write_tokens} shown={count} />
          <Fact label={t("usage.outputTokens")}>{count(row.output_tokens)}</Fact>
          <Part label={t("usage.reasoningPart")} value={row.reasoning_tokens} shown={count} />
        </Facts>
        <Text size="sm" c="dimmed">
          {t(`usage.sourceHelp.${row.usage_source}`)}
        </Text>
      </Section>

      {details.length > 0 && (
        <Section title={t("usage.more")}>
          <Facts>
            {details.map(([label, value]) => (
              <Fact key={label} label={label}>
                {value}
              </Fact>
            ))}
          </Facts>
        </Section>
      )}

      <Section title={t("usage.timing")}>
        <Facts>
          <Fact label={t("usage.firstByte")}>{formatMilliseconds(row.first_byte_ms)}</Fact>
          <Fact label={t("usage.duration")}>{formatMilliseconds(row.duration_ms)}</Fact>
          <Fact label={t("usage.time")}>{formatDateTime(row.at)}</Fact>
        </Facts>
      </Section>

      <Section title={t("usage.attempts")} help={t("usage.attemptsHelp")}>
        {row.attempts.length === 0 ? (
          <Text size="sm">{NOTHING}</Text>
        ) : (
          <ol className={classes.attempts}>
            {row.attempts.map((one, number) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a request's attempts never move
              <li key={number}>
                <Text size="sm" fw={550}>
                  {attemptKey(one)}
                </Text>
                <Text size="sm" c="dimmed">
                  {attemptText(one)}
                </Text>
              </li>
            ))}
          </ol>
        )}
      </Section>

      <Section title={t("usage.details")}>
        <Facts>
          <Fact label={t("usage.bot")}>
            <Anchor
              size="sm"
              renderRoot={(props) => (
                <Link to="/bots/$hostname" params={{ hostname: row.hostname }} {...props} />
              )}
            >
              {row.hostname}
            </Anchor>
          </Fact>
          <Fact label={t("usage.endpoint")}>
            {row.method} {row.endpoint}
            {row.streamed && ` (${t("usage.streamed")})`}
          </Fact>
          <Fact label={t("usage.modelAsked")}>{row.model_asked ?? NOTHING}</Fact>
          <Fact label={t("usage.modelAnswered")}>{row.model_answered ?? NOTHING}</Fact>
          <Fact label={t("usage.trace")}>
            <Group gap={4} wrap="nowrap" justify="flex-end">
              <span className="mono">{row.trace_id}</span>
              <CopyIcon text={row.trace_id} label={t("action.copyThing", { thing: t("usage.trace") })} />
            </Group>
          </Fact>
        </Facts>
      </Section>
    </Stack>
  );
}

function Section({ title, help, children }: { title: string; help?: string; children: ReactNode }) {
  return (
    <Stack component="section" gap={6}>
      <Title order={3} fz="sm">
        {title}
      </Title>
      {help && (
        <Text size="xs" c="dimmed">
          {help}
        </Text>
      )}
      {children}
    </Stack>
  );
}

function Facts({ children }: { children: ReactNode }) {
  return <dl className={classes.facts}>{children}</dl>;
}

function Fact({ label, children, part = false }: { label: string; children: ReactNode; part?: boolean }) {
  return (
    <div data-part={part || undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A count that is contained in the one above; not shown when it was not told. */
function Part(props: { label: string; value: number | null; shown: (value: number | null) => string }) {
  const { t } = useTranslation();
  if (props.value === null) return null;
  return (
    <Fact label={t("usage.ofWhich", { part: props.label })} part>
      {props.shown(props.value)}
    </Fact>
  );
}
