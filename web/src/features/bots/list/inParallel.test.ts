import { expect, it } from "vitest";
import { inParallel } from "./inParallel";

it("does every item once, in order, and never more than so many at once", async () => {
  const begun: number[] = [];
  let now = 0;
  let most = 0;
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    now += 1;
    most = Math.max(most, now);
    await Promise.resolve();
    now -= 1;
  });
  expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

it("has nothing to do without items", async () => {
  await inParallel([], 3, () => Promise.reject(new Error("no")));
});

it("tells of a failure", async () => {
  await expect(inParallel([1], 3, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
});
