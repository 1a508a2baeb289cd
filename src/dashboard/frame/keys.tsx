/** The page by keyboard: `g` and a letter goes to a view, `?` lists what there is. */
import { useEffect, useRef } from 'preact/hooks';
import { isForKeys } from '../kit/view-keys.ts';
import { VIEWS } from './views.ts';

/** A letter that comes later belongs to no `g`. */
const SECOND_KEY_MS = 1_500;

const HELP = [
  ...VIEWS.map(({ key, name }) => ({ keys: ['g', key], does: name as string })),
  { keys: ['space'], does: 'Pauses what is live, and goes on' },
  { keys: ['/'], does: 'To the filter' },
  { keys: ['j', 'k'], does: 'In a list of events: the next, the one before; Enter opens it' },
  { keys: ['←', '→'], does: 'In a chart: from step to step; Enter holds one' },
  { keys: ['?'], does: 'This list' },
  { keys: ['Esc'], does: 'Closes it' },
] as const;

export function Keys({ go }: { go: (path: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    let goPressedMs = Number.NEGATIVE_INFINITY;
    const pressed = (event: KeyboardEvent) => {
      if (!isForKeys(event)) return;
      const view = VIEWS.find(({ key }) => key === event.key);
      if (event.key === '?') {
        dialog.current?.showModal();
      } else if (event.key === 'g') {
        goPressedMs = event.timeStamp;
      } else if (view !== undefined && event.timeStamp - goPressedMs < SECOND_KEY_MS) {
        go(view.path);
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [go]);
  return (
    <dialog ref={dialog} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {HELP.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
