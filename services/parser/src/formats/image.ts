import { SluiceError } from "@sluice/contracts";
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
  keeps: "The text that is recognised, a page, with the confidence of its lines.",
  codes: ["ocr_required"],
  limits: [],
  async parse(source, out) {
    const page = await out.recognise({ number: 1, image: async () => ({ path: source.path }) });
    if (!page) throw new SluiceError("ocr_required");
    await writeRecognised(out, page);
  },
};
