import { SluiceError } from "@sluice/contracts";
import type { Format } from "./format.js";

/** Faxes wait for a reader of their pages. */
export const tiff: Format = {
  name: "tiff",
  label: "TIFF image",
  family: "tiff",
  recognise: () => 10,
  mediaTypes: ["image/tiff"],
  aliases: ["image/tif"],
  keeps: "Nothing yet: taken in, and kept until its pages can be recognised.",
  codes: ["ocr_required"],
  limits: [],
  async parse() {
    throw new SluiceError("ocr_required");
  },
};
