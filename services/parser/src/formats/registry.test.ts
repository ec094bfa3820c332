import { expect, test } from "@jest/globals";
import { errorCodes } from "@sluice/contracts";
import { isSupported, supportedTypes } from "@sluice/media";
import { formats } from "./registry.js";

test("the gateway takes in what there is a format for, and nothing that there is none for", () => {
  const read = formats.flatMap(({ family, mediaTypes }) => mediaTypes.map((mediaType) => ({ family, mediaType })));
  const taken = supportedTypes.map(({ family, mediaType }) => ({ family, mediaType }));
  const byType = (one: { mediaType: string }, two: { mediaType: string }) => (one.mediaType < two.mediaType ? -1 : 1);
  expect(read.sort(byType)).toEqual([...taken].sort(byType));
  for (const { mediaType } of read) expect([mediaType, isSupported(mediaType)]).toEqual([mediaType, true]);
});

test("formats have names of their own, and fail with codes that there are", () => {
  expect(new Set(formats.map(({ name }) => name)).size).toBe(formats.length);
  for (const { name, codes } of formats) {
    for (const code of codes) expect([name, errorCodes.includes(code)]).toEqual([name, true]);
  }
});
