import { SluiceError } from "@sluice/contracts";
import { isSupported, sniff, supportedTypes } from "@sluice/media";

/** As much of a file's beginning as is looked at before a byte of it is stored. */
export const headLength = 8_192;

const markdown = supportedTypes.find(({ mediaType }) => mediaType === "text/markdown");

/** Kinds of text that content can't tell from plain text, by what the sender says of them. */
function isMarkdown(declaredType: string | null, fileName: string | null): boolean {
  const extension = /\.([^.]+)$/.exec(fileName ?? "")?.[1]?.toLowerCase() ?? "";
  return declaredType === markdown?.mediaType || (markdown?.extensions.includes(extension) ?? false);
}

/**
 * What a file is, by its first bytes. Names and declared types decide only between kinds of text that look alike, and there the
 * answer's declared type says what was decided, for whoever reads the file later. Throws `media_type_unsupported`.
 */
export function judge(
  head: Uint8Array,
  declaredType: string | null,
  fileName: string | null,
): { mediaType: string; declaredType: string | null } {
  const mediaType = sniff(head)?.mediaType;
  if (mediaType === undefined || !isSupported(mediaType)) throw new SluiceError("media_type_unsupported");
  if (mediaType !== "text/plain" || !isMarkdown(declaredType, fileName)) return { mediaType, declaredType };
  return { mediaType: "text/markdown", declaredType: "text/markdown" };
}
