/** One finger that goes sideways over a plot selects a range, as a drag of the mouse does; up and down it scrolls the page. */
import type uPlot from 'uplot';

const NOTHING = { left: 0, top: 0, width: 0, height: 0 };

/** Selects as uPlot does: `setSelect` is told of a range of at least `leastPx`. Goes away with the plot. */
export function selectByTouch(plot: uPlot, leastPx: number): void {
  const { over } = plot;
  let begin: { readonly finger: number; readonly x: number } | undefined;
  const xOf = ({ clientX }: PointerEvent): number => {
    const { left, width } = over.getBoundingClientRect();
    return Math.max(0, Math.min(clientX - left, width));
  };
  const select = (event: PointerEvent, isDone: boolean) => {
    if (begin?.finger !== event.pointerId) return;
    const x = xOf(event);
    const width = Math.abs(x - begin.x);
    const isRange = width >= leastPx;
    const range = { left: Math.min(x, begin.x), top: 0, width, height: over.clientHeight };
    plot.setSelect(isRange ? range : NOTHING, isRange && isDone);
    if (isDone) begin = undefined;
  };
  over.style.touchAction = 'pan-y';
  over.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch' || !event.isPrimary) return;
    begin = { finger: event.pointerId, x: xOf(event) };
  });
  over.addEventListener('pointermove', (event) => select(event, false));
  over.addEventListener('pointerup', (event) => select(event, true));
  // The browser scrolls with it.
  over.addEventListener('pointercancel', () => {
    begin = undefined;
    plot.setSelect(NOTHING, false);
  });
}
