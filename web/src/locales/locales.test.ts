import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "./en.json";
import zh from "./zh-CN.json";

const ROOT = join(import.meta.dirname, "../..");
const PLURAL = /_(zero|one|two|few|many|other)$/;

function flatten(tree: object, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]): [string, string][] =>
      typeof value === "string" ? [[prefix + key, value]] : [...flatten(value, `${prefix}${key}.`)],
    ),
  );
}

function files(directory: string, name: RegExp): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => name.test(path))
    .map((path) => readFileSync(join(directory, path), "utf8"));
}

function found(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

const texts = { en: flatten(en), zh: flatten(zh) };
const keysOf = (map: Map<string, string>) => new Set([...map.keys()].map((key) => key.replace(PLURAL, "")));
const parameters = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();

describe("the translations", () => {
  it("have the same keys", () => {
    expect([...keysOf(texts.zh)].sort()).toEqual([...keysOf(texts.en)].sort());
  });

  it("use the same parameters", () => {
    for (const [key, text] of texts.zh) {
      const same = texts.en.get(key) ?? "";
      expect([key, parameters(text)]).toEqual([key, parameters(same)]);
    }
  });

  it("have every key that the sources ask for", () => {
    const sources = files(join(ROOT, "src"), /(?<!\.test)\.tsx?$/).join("\n");
    const asked = new Set([...sources.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1] ?? ""));
    expect(asked.size).toBeGreaterThan(150);
    expect([...asked].filter((key) => !keysOf(texts.en).has(key))).toEqual([]);
  });

  it("translate every problem code of the server", () => {
    const python = files(join(ROOT, "../src/clawbot_manager"), /^(control|kit).*errors\.py$/).join("\n");
    const codes = new Set([...python.matchAll(/^ +code = "(\w+)"/gm)].map((match) => match[1] ?? ""));
    expect(codes.size).toBeGreaterThan(10);
    expect([...codes].filter((code) => !texts.en.has(`problem.${code}`))).toEqual([]);
  });

  it("have words for whatever the proxy says of a request", () => {
    const proxy = join(ROOT, "../src/clawbot_manager");
    const sources = files(join(proxy, "proxy"), /\.py$/).join("\n");
    const kinds = readFileSync(join(proxy, "vendors/records.py"), "utf8").match(
      /ErrorKind = Literal\[([^\]]+)/,
    );
    const failures = sources.match(/FailureReason = Literal\[([^\]]+)/);
    const limits = files(join(proxy, "control/dataplane"), /^budgets\.py$/).join("\n");
    const codes = new Set([
      ...found(sources, /Refusal\(\s*\d+,\s*"(\w+)"/g),
      ...found(sources, /_close\("(\w+)"\)/g),
      ...found(kinds?.[1] ?? "", /"(\w+)"/g),
      ...found(failures?.[1] ?? "", /"(\w+)"/g),
      ...found(limits, /LimitHit\("(\w+)"/g),
      ...["client_closed", "aborted", "error_in_answer", "stream_options_refused"],
      ...["client_stalled", "idle_timeout"],
    ]);
    expect(codes.size).toBeGreaterThan(35);
    expect([...codes].filter((code) => !texts.en.has(`usage.codes.${code}`))).toEqual([]);
  });

  it("say what a bot's state, its history and its diagnosis mean", () => {
    const control = join(ROOT, "../src/clawbot_manager/control");
    const bots = files(join(control, "bots"), /\.py$/).join("\n");
    const states = new Set([
      ...found(bots, /\bcode="(\w+)"/g),
      ...found(bots, /failed\(bot, "(\w+)"/g),
      ...["proof_bot", "proof_proxy", "proof_key", "proof_provider"],
    ]);
    const happened = new Set(found(bots, /(?:note|happened)\([^"]*"(?:info|warning|error)",\s*"(\w+)"/g));
    const checks = [
      ...files(control, /bot_checks\.py$/)
        .join("\n")
        .matchAll(/_check\(\s*"(\w+)", "(\w+)"/g),
    ];
    expect(Math.min(states.size, happened.size)).toBeGreaterThan(9);
    expect(
      [...states].filter(
        (code) => !(texts.en.has(`bots.codes.${code}`) || texts.en.has(`start.code.${code}`)),
      ),
    ).toEqual([]);
    expect(
      [...happened].filter(
        (code) => ![`history.codes.${code}`, `bots.codes.${code}`].some((key) => texts.en.has(key)),
      ),
    ).toEqual([]);
    expect(
      checks.map(([, name, code]) => `diagnose.codes.${name}.${code}`).filter((key) => !texts.en.has(key)),
    ).toEqual([]);
  });

  it("name every detail of a request's usage", () => {
    const usage = readFileSync(join(ROOT, "../src/clawbot_manager/vendors/usage.py"), "utf8");
    const names = found(usage.split("Its names:")[1] ?? "", /`(\w+)`/g);
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => !texts.en.has(`usage.detail.${name}`))).toEqual([]);
  });
});
