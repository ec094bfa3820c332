import { createHash } from "node:crypto";
import { SluiceError } from "@sluice/contracts";
import { z } from "zod";

/** Where a page ended, by the list's own order. */
export const TimePlace = z.strictObject({ at: z.iso.datetime({ offset: true }), id: z.uuid() });
/** Pages of one revision stay with it, whatever becomes current meanwhile. */
export const OrdinalPlace = z.strictObject({
  after: z.number().int().min(-1).max(2_147_483_647),
  revision: z.number().int().positive().max(2_147_483_647),
});
export const EventPlace = z.strictObject({ xid: z.string().regex(/^\d{1,20}$/), id: z.number().int().nonnegative() });

const Sealed = z.strictObject({ v: z.literal(1), of: z.string(), at: z.unknown() });

/** Stands for the list and its filter; not for what is in them. */
function fingerprint(list: string, filter: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify([list, filter]))
    .digest("base64url")
    .slice(0, 22);
}

/** `nextCursor`: a place, bound to the list and the filter it is a place in; null at the end. */
export function encodeCursor(list: string, filter: unknown, place: object | null): string | null {
  if (place === null) return null;
  return Buffer.from(JSON.stringify({ v: 1, of: fingerprint(list, filter), at: place })).toString("base64url");
}

/** The place a cursor names. Throws `cursor_invalid` for one that is not ours or belongs to another list or filter. */
export function decodeCursor<T>(
  list: string,
  filter: unknown,
  place: z.ZodType<T>,
  cursor: string | undefined,
): T | null {
  if (cursor === undefined) return null;
  const invalid = (message: string) => new SluiceError("cursor_invalid", { errors: [{ path: "cursor", message }] });
  let opened: z.infer<typeof Sealed>;
  try {
    opened = Sealed.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch {
    throw invalid("is not a cursor of ours");
  }
  if (opened.of !== fingerprint(list, filter)) throw invalid("belongs to another list or another filter");
  const result = place.safeParse(opened.at);
  if (!result.success) throw invalid("is not a cursor of ours");
  return result.data;
}
