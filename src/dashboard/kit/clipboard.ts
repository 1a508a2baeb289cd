/** Copies, and answers what to say of it: pages that came over plain HTTP from another machine have no clipboard. */
export async function copy(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    return 'The browser does not let the page copy: select the text';
  }
}
