/** Which engine reads the pages of this deployment, as it was decided at the start; given to the isolated processes. */
export type Engine =
  | {
      name: "tesseract";
      version: string;
      languages: readonly string[];
      /** The program. */
      path: string;
      /** Of its language data, where it is known. */
      dataFolder: string | null;
    }
  | { name: "tesseract.js"; version: string; languages: readonly string[] };
