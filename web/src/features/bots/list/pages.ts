import type { InfiniteData } from "@tanstack/react-query";
import type { BotSummary } from "@/api";

export type BotListPageData = { items: BotSummary[]; next_cursor?: string | null };
type Pages = InfiniteData<BotListPageData, unknown>;

/** The list with one of its pages as it is now. */
export function withPage(
  list: Pages | undefined,
  cursor: string | null,
  page: BotListPageData,
): Pages | undefined {
  if (list === undefined) return undefined;
  return { ...list, pages: list.pages.map((old, index) => (list.pageParams[index] === cursor ? page : old)) };
}

/** True when the next page still begins where it did. */
export function sameEnds(list: Pages, cursor: string | null, page: BotListPageData): boolean {
  const old = list.pages[list.pageParams.indexOf(cursor)];
  return old === undefined || old.next_cursor === page.next_cursor;
}
