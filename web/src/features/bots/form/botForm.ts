import { createFormContext } from "@mantine/form";
import type { BotIn } from "@/api";

export type ProviderValues = { vendor: string; key_id: string; models: string[]; primary_model: string };

export type BotValues = {
  name: string;
  hostname: string;
  persona: { name: string; emoji: string; soul_markdown: string };
  providers: ProviderValues[];
  features: Required<BotIn>["features"];
  tags: string[];
  auto_start: boolean;
};

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
  auto_start: true,
};

export function toBotIn(values: BotValues): BotIn {
  const { persona } = values;
  return {
    name: values.name.trim(),
    hostname: values.hostname,
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
    auto_start: values.auto_start,
  };
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
  ];
}
