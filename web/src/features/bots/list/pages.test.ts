import { describe, expect, it } from "vitest";
import type { BotListPageData } from "./pages";
import { sameEnds, withPage } from "./pages";

const page = (next_cursor: string | null): BotListPageData => ({ items: [], next_cursor });
const list = { pages: [page("a"), page("b"), page(null)], pageParams: [null, "a", "b"] };

describe("withPage", () => {
  it("puts a page in its place and leaves the others as they are", () => {
    const fresh = page("b");
    const after = withPage(list, "a", fresh);
    expect(after?.pages[1]).toBe(fresh);
    expect(after?.pages[0]).toBe(list.pages[0]);
    expect(withPage(list, "gone", fresh)?.pages).toEqual(list.pages);
    expect(withPage(undefined, "a", fresh)).toBeUndefined();
  });
});

describe("sameEnds", () => {
  it("sees that the pages after it moved", () => {
    expect(sameEnds(list, "a", page("b"))).toBe(true);
    expect(sameEnds(list, "a", page("c"))).toBe(false);
    expect(sameEnds(list, "b", page("c"))).toBe(false);
    expect(sameEnds(list, "gone", page("c"))).toBe(true);
  });
});
