import { readFile } from "node:fs/promises";
import { SluiceError } from "@sluice/contracts";
import type { Limits, Source } from "../formats/format.js";

/** The whole file, for formats that are read in memory. */
export async function wholeFile({ path, size }: Source, { maxExpandedBytes }: Limits): Promise<Buffer> {
  if (size > maxExpandedBytes) throw new SluiceError("limit_expanded_size");
  return readFile(path);
}
