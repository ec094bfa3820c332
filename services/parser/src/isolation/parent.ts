import type { CallName, FromWorker, ParentCalls } from "./protocol.js";

/** The parent as the child sees it: a call goes out as a numbered message and waits for its answer. */
export class Parent {
  readonly #send: (message: FromWorker) => void;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #next = 0;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  call<N extends CallName>(name: N, value: Parameters<ParentCalls[N]>[0]): ReturnType<ParentCalls[N]> {
    const id = this.#next++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#send({ type: "call", id, name, value } as FromWorker);
    return answer as ReturnType<ParentCalls[N]>;
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.(value);
    this.#waiting.delete(id);
  }
}
