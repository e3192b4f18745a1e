import { expect, it } from "vitest";
import { setupTokenFrom } from "./setupToken";

it.each([
  ["http://127.0.0.1:7100/sign-up?setup=abc-_1 ", "abc-_1"],
  ["/sign-up?x=1&setup=a%2Bb#end", "a+b"],
  ["  abc ", "abc"],
])("finds the token in %j", (pasted, token) => expect(setupTokenFrom(pasted)).toBe(token));
