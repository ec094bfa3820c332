import { describe, expect, it } from "@jest/globals";
import { decodeCursor, encodeCursor, OrdinalPlace, TimePlace } from "./cursor.js";

const place = { at: "2024-05-01T10:00:00.123456+00:00", id: "6f1c1f3a-6f0a-4a56-8a3c-2f5b3f0c9a11" };
const filter = { tags: ["a"] };

describe("a cursor", () => {
  it("comes back as the place it was made of, to the microsecond", () => {
    const cursor = encodeCursor("documents", filter, place) ?? undefined;
    expect(decodeCursor("documents", filter, TimePlace, cursor)).toEqual(place);
    expect(encodeCursor("documents", filter, null)).toBeNull();
    expect(decodeCursor("documents", filter, TimePlace, undefined)).toBeNull();
  });

  it("holds nothing of the filter it is bound to", () => {
    const cursor = encodeCursor("documents", { patient: "canary" }, place) ?? "";
    expect(Buffer.from(cursor, "base64url").toString()).not.toContain("canary");
  });

  const good = encodeCursor("documents", filter, place) ?? "";
  const forged = (content: unknown) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const opened = JSON.parse(Buffer.from(good, "base64url").toString());
  it.each([
    ["of another list", "batches", filter, good],
    ["of another filter", "documents", { tags: ["b"] }, good],
    ["that was cut", "documents", filter, good.slice(0, -4)],
    ["of noise", "documents", filter, "%%%"],
    ["with another place", "documents", filter, forged({ ...opened, at: { at: "x", id: 1 } })],
    ["with more in it", "documents", filter, forged({ ...opened, more: 1 })],
    ["of a later version", "documents", filter, forged({ ...opened, v: 2 })],
  ])("%s is refused", (_what, list, filter, cursor) => {
    expect(() => decodeCursor(list, filter, TimePlace, cursor)).toThrow(
      expect.objectContaining({ code: "cursor_invalid" }),
    );
  });

  it("names no place beyond what the database counts", () => {
    const cursor = encodeCursor("chunks", "d", { after: 1e12, revision: 1 }) ?? undefined;
    expect(() => decodeCursor("chunks", "d", OrdinalPlace, cursor)).toThrow();
  });
});
