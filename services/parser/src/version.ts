/** Raised whenever the same file would be read differently: documents can then be reprocessed by it. */
export const parserVersion = "9";
