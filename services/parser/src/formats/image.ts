import { readFile } from "node:fs/promises";
import { SluiceError } from "@sluice/contracts";
import { decodePicture } from "../picture/decode.js";
import { writeRecognised } from "../recognition/write-page.js";
import type { Format } from "./format.js";

/** A picture of a page. */
export const image: Format = {
  name: "image",
  label: "PNG and JPEG images",
  family: "image",
  recognise: ({ mediaType }) => (image.mediaTypes.includes(mediaType) ? 10 : null),
  mediaTypes: ["image/png", "image/jpeg"],
  aliases: ["image/jpg", "image/pjpeg"],
  keeps: "The text that is recognised, a page, turned upright, with the confidence of its lines.",
  codes: ["document_illegible", "ocr_required"],
  limits: ["maxPixels"],
  async parse(source, out, limits) {
    const picture = async () => decodePicture(await readFile(source.path), limits.maxPixels);
    const page = await out.recognise({ number: 1, picture });
    if (!page) throw new SluiceError("ocr_required");
    await writeRecognised(out, page);
  },
};
