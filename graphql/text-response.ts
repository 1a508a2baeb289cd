/** A response that knows the text it was made of: to read that back as a stream copies it twice, and a wide answer is a megabyte. */
export class TextResponse extends Response {
  readonly #text: string | undefined;

  constructor(body?: ConstructorParameters<typeof Response>[0], init?: ResponseInit) {
    super(body, init);
    this.#text = typeof body === 'string' ? body : undefined;
  }

  /** The whole body. */
  static async bytesOf(response: Response): Promise<Uint8Array> {
    const text = response instanceof TextResponse ? response.#text : undefined;
    return text === undefined
      ? new Uint8Array(await response.arrayBuffer())
      : Buffer.from(text, 'utf8');
  }
}
