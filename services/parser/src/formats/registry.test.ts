import { expect, test } from "@jest/globals";
import { isSupported, supportedTypes } from "@sluice/media";
import { formats } from "./registry.js";

test("the gateway takes in what there is a format for, and nothing that there is none for", () => {
  for (const { name, mediaTypes } of formats)
    expect([name, isSupported(mediaTypes[0] as string)]).toEqual([name, true]);
  const read = formats.flatMap((format) => format.mediaTypes);
  for (const { mediaType } of supportedTypes) expect(read).toContain(mediaType);
});
