import { expect, it } from "@jest/globals";
import { createBriefCache } from "./brief-cache.js";

it("asks once for a burst, again for what was not worth keeping, and forgets the oldest", async () => {
  const cache = createBriefCache<string | null>({ ttlMs: 60_000, size: 2, keep: (value) => value !== null });
  let asked = 0;
  const load = (value: string | null) => async () => {
    asked += 1;
    return value;
  };
  expect(await Promise.all([cache("a", load("A")), cache("a", load("A"))])).toEqual(["A", "A"]);
  expect(asked).toBe(1);
  await cache("none", load(null));
  await cache("none", load(null));
  expect(asked).toBe(3);
  await cache("b", load("B"));
  await cache("c", load("C"));
  await cache("a", load("A"));
  expect(asked).toBe(6);
});

it("does not keep a failure", async () => {
  const cache = createBriefCache<string>({ ttlMs: 60_000, size: 2, keep: () => true });
  await expect(cache("a", () => Promise.reject(new Error("down")))).rejects.toThrow("down");
  expect(await cache("a", async () => "up")).toBe("up");
});
