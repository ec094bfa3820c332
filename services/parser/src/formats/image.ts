import { SluiceError } from "@sluice/contracts";
import type { Format } from "./format.js";

/** Pictures wait for text recognition. */
export const image: Format = {
  name: "image",
  mediaTypes: ["image/png", "image/jpeg", "image/tiff"],
  aliases: ["image/jpg", "image/tif", "image/pjpeg"],
  async parse() {
    throw new SluiceError("ocr_required");
  },
};
