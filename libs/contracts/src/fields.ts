import { z } from "zod";

/** Fields that many resources and bodies have. */
export const time = z.string().describe("ISO 8601");
export const limit = (most: number, usual: number) => z.number().int().min(1).max(most).default(usual);
export const cursor = z.string().max(500).optional().describe("`nextCursor` of the page before");
