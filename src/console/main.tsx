import '@mantine/core/styles.css';
import './main.css';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router';
import { shouldAskAgain } from './api/request.ts';
import { router } from './router.tsx';

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: shouldAskAgain, staleTime: 2_000, refetchOnReconnect: true, networkMode: 'always' },
    mutations: { networkMode: 'always' },
  },
});

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no place for the console');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
