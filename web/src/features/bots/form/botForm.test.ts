import { describe, expect, it } from "vitest";
import { type BotValues, INITIAL, keepEdits, settingsRules, toBotIn, toPatch } from "./botForm";

const provider = { vendor: "openai", key_id: "", models: ["a", "b"], primary_model: "b" };
const values: BotValues = { ...INITIAL, name: "Ada", hostname: "ada", providers: [provider] };

describe("toBotIn", () => {
  it("leaves to the server what was not chosen", () => {
    expect(toBotIn(values)).toMatchObject({
      agent: null,
      limits: { memory_mb: null, cpus: null, processes: null },
      egress: [],
      providers: [{ vendor: "openai", key_id: null, primary_model: "b" }],
    });
    expect(toBotIn({ ...values, agent: "builtin", limits: { ...values.limits, cpus: 0.5 } })).toMatchObject({
      agent: "builtin",
      limits: { cpus: 0.5 },
    });
  });
});

describe("toPatch", () => {
  it("holds nothing when nothing changed", () => {
    expect(toPatch(values, { ...values, tags: [] })).toEqual({});
  });

  it("holds whole parts that changed and no others", () => {
    const patch = toPatch(values, { ...values, name: " Eve ", limits: { ...values.limits, memory_mb: 512 } });
    expect(Object.keys(patch).sort()).toEqual(["limits", "name", "persona"]);
    expect(patch).toMatchObject({ name: "Eve", limits: { memory_mb: 512, cpus: null } });
  });

  it("keeps a persona's own name when only the bot's name changed", () => {
    const named = { ...values, persona: { ...values.persona, name: "Sage" } };
    expect(Object.keys(toPatch(named, { ...named, name: "Eve" }))).toEqual(["name"]);
  });

  it("never names what cannot be changed", () => {
    expect(toPatch(values, { ...values, hostname: "eve", agent: "openclaw", auto_start: false })).toEqual({});
  });
});

it("keeps what was edited while the save was on its way", () => {
  const now = { ...values, tags: ["new"] };
  expect(keepEdits(values, { ...values, name: "Trimmed" }, now)).toMatchObject({
    name: "Trimmed",
    tags: ["new"],
  });
});

describe("settingsRules", () => {
  it("takes hosts with and without a port, and nothing else", () => {
    const { egress } = settingsRules((key) => key);
    expect(egress(["api.telegram.org", "smtp.example.com:587"])).toBeNull();
    for (const bad of ["https://a.com", "localhost", "10.0.0.1", "*.a.com", "a.com/x", "A.com"]) {
      expect(egress([bad])).toBe("limits.egressBad");
    }
  });
});
