import { SluiceError } from "@sluice/contracts";
import { isSupported, sniff, supportedTypes } from "@sluice/media";

/** As much of a file's beginning as is looked at before a byte of it is stored. */
export const headLength = 8_192;

/** Kinds of text that content can't tell from plain text. */
const lookalikes = supportedTypes.filter(({ mediaType }) => ["text/markdown", "text/csv"].includes(mediaType));

/** Which of them it is by what the sender says of it, by its type before its name. */
function lookalike(declaredType: string | null, fileName: string | null): string | undefined {
  const declared = declaredType?.split(";")[0]?.trim().toLowerCase();
  const extension = /\.([^.]+)$/.exec(fileName ?? "")?.[1]?.toLowerCase() ?? "";
  const found =
    lookalikes.find(({ mediaType }) => mediaType === declared) ??
    lookalikes.find(({ extensions }) => extensions.includes(extension));
  return found?.mediaType;
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
  const named = mediaType === "text/plain" ? lookalike(declaredType, fileName) : undefined;
  if (!named) return { mediaType, declaredType };
  // What else the declaration says, such as the charset, is kept.
  return { mediaType: named, declaredType: declaredType?.toLowerCase().startsWith(named) ? declaredType : named };
}
