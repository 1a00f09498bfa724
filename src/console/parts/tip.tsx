import { Tooltip } from '@mantine/core';
import { type FocusEvent, type ReactNode, useId, useState } from 'react';

/**
 * A tooltip for an element of which a page has many: it is made when the element is first pointed at. The library's
 * own would take longer than the rest of a row in a long list.
 *
 * @returns what the element gets, and the tooltip, which stands beside it
 */
export function useTip(label: ReactNode) {
  const id = useId();
  const [target, setTarget] = useState<HTMLElement | null>(null);
  const open = (event: { currentTarget: HTMLElement }) => setTarget(event.currentTarget);
  const close = () => setTarget(null);
  return {
    events: {
      onMouseEnter: open,
      onMouseLeave: close,
      onFocus: (event: FocusEvent<HTMLElement>) =>
        event.currentTarget.matches(':focus-visible') && open(event),
      onBlur: close,
      'aria-describedby': target ? id : undefined,
    },
    tip: target && <Tooltip target={target} label={<span id={id}>{label}</span>} defaultOpened />,
  };
}
