import { SluiceError } from "@sluice/contracts";
import { Tiff } from "../picture/tiff.js";
import { writePicturePage } from "../recognition/write-page.js";
import type { Format } from "./format.js";

/** Scans and faxes, page by page. */
export const tiff: Format = {
  name: "tiff",
  label: "TIFF image",
  family: "tiff",
  recognise: () => 10,
  mediaTypes: ["image/tiff"],
  aliases: ["image/tif"],
  keeps: "The text that is recognised, each page turned upright, with the confidence of its lines.",
  codes: ["document_illegible", "ocr_required"],
  limits: ["maxPages", "maxPixels"],
  async parse(source, out, limits) {
    const file = await Tiff.open(source.path, limits.maxPages);
    try {
      if (file.pages > limits.maxPages) throw new SluiceError("limit_pages");
      out.pages(file.pages);
      const count = { recognised: 0, image: 0, unreadable: 0 };
      for (let number = 1; number <= file.pages; number += 1)
        count[await writePicturePage(out, number, () => file.page(number, limits.maxPixels))] += 1;
      if (count.recognised > 0) return;
      throw new SluiceError(count.image > 0 ? "ocr_required" : "document_corrupt");
    } finally {
      await file.close();
    }
  },
};
