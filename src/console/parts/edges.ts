import { useEffect, useRef, useState } from 'react';

/** Which edges of a horizontally scrolling element hide content; follows scrolling and resizing. */
export function useHiddenEdges() {
  const ref = useRef<HTMLDivElement>(null);
  const [edges, setEdges] = useState({ left: false, right: false });
  useEffect(() => {
    const at = ref.current;
    if (at === null) return;
    const look = () => {
      const left = at.scrollLeft > 1;
      const right = at.scrollLeft + at.clientWidth < at.scrollWidth - 1;
      setEdges((before) => (before.left === left && before.right === right ? before : { left, right }));
    };
    const observer = new ResizeObserver(look);
    for (const each of [at, ...at.children]) observer.observe(each);
    at.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      at.removeEventListener('scroll', look);
    };
  }, []);
  return { ref, ...edges };
}
