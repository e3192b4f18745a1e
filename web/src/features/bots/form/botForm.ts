import { createFormContext } from "@mantine/form";
import type { Bot, BotIn, BotPatch } from "@/api";

export type ProviderValues = { vendor: string; key_id: string; models: string[]; primary_model: string };

export type BotValues = {
  name: string;
  hostname: string;
  persona: { name: string; emoji: string; soul_markdown: string };
  providers: ProviderValues[];
  features: Required<BotIn>["features"];
  tags: string[];
  agent: AgentChoice;
  limits: LimitValues;
  egress: string[];
  auto_start: boolean;
};

export const AGENTS = ["openclaw", "builtin"] as const;
export const DEFAULT_AGENT = "";
export type AgentChoice = (typeof AGENTS)[number] | typeof DEFAULT_AGENT;

/** Empty means the agent's default. */
export type LimitValues = Record<"memory_mb" | "cpus" | "processes", number | "">;
export const NO_LIMITS: LimitValues = { memory_mb: "", cpus: "", processes: "" };

export const POOL = "";
export const NO_PROVIDER: ProviderValues = { vendor: "", key_id: POOL, models: [], primary_model: "" };

export const [BotFormProvider, useBotForm, useBotFormValues] = (() => {
  const [Provider, useContext, useForm] = createFormContext<BotValues>();
  return [Provider, useForm, useContext] as const;
})();

export const INITIAL: BotValues = {
  name: "",
  hostname: "",
  persona: { name: "", emoji: "", soul_markdown: "" },
  providers: [NO_PROVIDER],
  features: {
    commands: true,
    tts: false,
    voice: "alloy",
    sandbox: false,
    sandbox_timeout_seconds: 30,
    session_scope: "user",
  },
  tags: [],
  agent: DEFAULT_AGENT,
  limits: NO_LIMITS,
  egress: [],
  auto_start: true,
};

export function toBotIn(values: BotValues): BotIn {
  return {
    ...toSettings(values),
    hostname: values.hostname,
    agent: values.agent === DEFAULT_AGENT ? null : values.agent,
    auto_start: values.auto_start,
  };
}

/** What can be changed of a bot later, in the API's shape. */
function toSettings(values: BotValues) {
  const { persona } = values;
  return {
    name: values.name.trim(),
    persona: {
      name: persona.name.trim() || values.name.trim().slice(0, 100),
      emoji: persona.emoji.trim() || null,
      soul_markdown: persona.soul_markdown,
    },
    providers: values.providers.map(({ vendor, key_id, models, primary_model }) => ({
      vendor,
      models,
      primary_model: models.includes(primary_model) ? primary_model : (models[0] ?? null),
      key_id: key_id === POOL ? null : key_id,
    })),
    features: values.features,
    tags: values.tags,
    limits: {
      memory_mb: values.limits.memory_mb || null,
      cpus: values.limits.cpus || null,
      processes: values.limits.processes || null,
    },
    egress: values.egress,
  };
}

export function toValues(bot: Bot): BotValues {
  return {
    name: bot.name,
    hostname: bot.hostname,
    persona: { ...bot.persona, emoji: bot.persona.emoji ?? "" },
    providers: bot.providers.map((provider) => ({
      vendor: provider.vendor,
      models: provider.models,
      primary_model: provider.primary_model ?? "",
      key_id: provider.key_id ?? POOL,
    })),
    features: bot.features,
    tags: bot.tags,
    agent: bot.agent,
    limits: {
      memory_mb: bot.limits.memory_mb ?? "",
      cpus: bot.limits.cpus ?? "",
      processes: bot.limits.processes ?? "",
    },
    egress: bot.egress,
    auto_start: true,
  };
}

/** Only what was changed: what others changed meanwhile stays as they left it. */
export function toPatch(before: BotValues, after: BotValues): BotPatch {
  const old: Record<string, unknown> = toSettings(before);
  const changed = Object.entries(toSettings(after)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name]),
  );
  return Object.fromEntries(changed);
}

/** What was saved, but for what was edited again while it was on its way. */
export function keepEdits(sent: BotValues, saved: BotValues, now: BotValues): BotValues {
  const old: Record<string, unknown> = sent;
  const edited = Object.entries(now).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name]),
  );
  return { ...saved, ...Object.fromEntries(edited) };
}

/** Form paths that the server may complain about, the most exact first. */
export function fieldPaths(values: BotValues): string[] {
  const providers = values.providers.flatMap((_, index) =>
    ["vendor", "key_id", "models", "primary_model"].map((field) => `providers.${index}.${field}`),
  );
  const features = Object.keys(values.features).map((field) => `features.${field}`);
  return [
    "name",
    "hostname",
    "persona.name",
    "persona.emoji",
    "persona.soul_markdown",
    ...providers,
    ...features,
    "tags",
    "agent",
    ...Object.keys(values.limits).map((field) => `limits.${field}`),
    "egress",
  ];
}

const TAG = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const EGRESS = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(:[0-9]{1,5})?$/;

type Say = (key: "field.missing" | "bots.tagsHelp" | "bots.modelsMissing" | "limits.egressBad") => string;

/** What can be said about the settings before the server is asked. */
export function settingsRules(say: Say) {
  return {
    name: (value: string) => (value.trim() ? null : say("field.missing")),
    tags: (tags: string[]) => (tags.every((tag) => TAG.test(tag)) ? null : say("bots.tagsHelp")),
    egress: (hosts: string[]) => (hosts.every((host) => EGRESS.test(host)) ? null : say("limits.egressBad")),
    providers: {
      vendor: (value: string) => (value ? null : say("field.missing")),
      models: (models: string[]) => (models.length > 0 ? null : say("bots.modelsMissing")),
    },
  };
}
