export interface StreamEvent {
  event: string;
  id?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of all shapes
  data: any;
}

/** A reader of server-sent events. */
export interface StreamReader {
  status: number;
  /** The next event; undefined when the stream has ended. */
  next(): Promise<StreamEvent | undefined>;
  /** All events until one of this name, it included, or the end. */
  until(event: string): Promise<StreamEvent[]>;
  close(): void;
}

export async function openStream(url: string, headers: Record<string, string>): Promise<StreamReader> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  async function next(): Promise<StreamEvent | undefined> {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) {
        const chunk = await chunks?.read();
        if (chunk === undefined || chunk.done) return undefined;
        text += chunk.value;
        continue;
      }
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = field("event");
      if (event !== undefined) return { event, id: field("id"), data: JSON.parse(field("data") ?? "null") };
    }
  }
  return {
    status: response.status,
    next,
    async until(name) {
      const events: StreamEvent[] = [];
      for (let event = await next(); event !== undefined; event = await next()) {
        events.push(event);
        if (event.event === name) break;
      }
      return events;
    },
    close: () => abort.abort(),
  };
}
