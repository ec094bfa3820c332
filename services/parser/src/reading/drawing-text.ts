import { FlowText } from "./flow-text.js";
import type { XmlHandler } from "./xml.js";

/** Text of DrawingML: a slide, its notes, the boxes of a sheet, a diagram. */
export class DrawingText implements XmlHandler {
  readonly flow = new FlowText();
  title = "";
  pictures = 0;
  isHidden = false;
  #inText = false;
  #fields = 0;
  #isTitle = false;
  #hidden = 0;

  open(name: string, attributes: Record<string, string>): void {
    // An older rendering of what is there in a newer one.
    if (this.#hidden > 0 || name === "Fallback") {
      this.#hidden += 1;
      return;
    }
    switch (name) {
      case "sld":
        this.isHidden = /^(0|false)$/.test(attributes.show ?? "1");
        break;
      case "sp":
        this.#isTitle = false;
        this.flow.breakLine(1);
        break;
      case "ph":
        this.#isTitle = /^(title|ctrTitle)$/.test(attributes.type ?? "");
        // Numbers and dates of slides are no text of theirs.
        this.#fields = /^(sldNum|dt|hdr|ftr)$/.test(attributes.type ?? "") ? 1 : 0;
        break;
      case "pic":
        this.pictures += 1;
        break;
      case "cNvPr":
        if (attributes.descr && !/\.(png|jpe?g|gif|emf|wmf)$/i.test(attributes.descr))
          this.flow.add(` [${attributes.descr}] `);
        break;
      case "p":
        this.flow.breakLine(1);
        break;
      case "br":
        this.flow.breakLine(1);
        break;
      case "tab":
        break;
      case "tr":
        this.flow.openRow();
        break;
      case "tc":
        this.flow.openCell();
        break;
      case "rPr":
        if (Number(attributes.baseline) > 0) this.flow.superscript();
        this.flow.strike(!/^(noStrike)?$/.test(attributes.strike ?? ""));
        break;
      case "t":
        this.#inText = true;
        break;
    }
  }

  text(text: string): void {
    if (!this.#inText || this.#hidden > 0 || this.#fields > 0) return;
    if (this.#isTitle) this.title += text;
    this.flow.add(text);
  }

  close(name: string): void {
    if (this.#hidden > 0) {
      this.#hidden -= 1;
      return;
    }
    if (name === "t") this.#inText = false;
    else if (name === "r") this.flow.strike(false);
    else if (name === "p") {
      this.flow.breakLine(1);
      if (this.#isTitle) this.title += " ";
    } else if (name === "sp") [this.#isTitle, this.#fields] = [false, 0];
    else if (name === "tc") this.flow.closeCell();
    else if (name === "tr") this.flow.closeRow();
    else if (name === "tbl") this.flow.closeTable();
  }
}
