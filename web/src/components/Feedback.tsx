import { Alert, Button, Code, Group, Skeleton, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "@/api/problem";
import { errorText } from "@/lib/errors";

export function ErrorAlert({
  error,
  onRetry,
  title,
}: {
  error: unknown;
  onRetry?: () => void;
  title?: string;
}) {
  const { t } = useTranslation();
  const { traceId } = asApiError(error);
  return (
    <Alert
      color="red"
      icon={<IconAlertTriangle aria-hidden="true" />}
      title={title ?? t("error.title")}
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{errorText(error)}</Text>
        {traceId && (
          <Text size="xs" c="dimmed">
            {t("error.trace")} <Code>{traceId}</Code>
          </Text>
        )}
        {onRetry && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRefresh size={14} aria-hidden="true" />}
            onClick={onRetry}
          >
            {t("action.retry")}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

type EmptyProps = {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  /** It is all that the page has, so that its title is the page's. */
  wholePage?: boolean;
};

export function EmptyState({ icon, title, children, action, wholePage = false }: EmptyProps) {
  return (
    <Stack className="panel" align="center" gap="sm" p="xl" py={48} ta="center">
      <ThemeIcon size={48} radius="xl" variant="light" aria-hidden="true">
        {icon}
      </ThemeIcon>
      <Title order={wholePage ? 1 : 2} fz="md">
        {title}
      </Title>
      {children && (
        <Text c="dimmed" size="sm" maw="32rem" component="div">
          {children}
        </Text>
      )}
      {action && <Group mt="xs">{action}</Group>}
    </Stack>
  );
}

export function LoadingRows({ rows = 5, height = 44 }: { rows?: number; height?: number }) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs" aria-busy="true" role="status" aria-label={t("loading")}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders that never move
        <Skeleton key={row} height={height} radius="md" />
      ))}
    </Stack>
  );
}

type QueryLike<T> = { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown };

/** Loading, failed or there: the three states of anything that is fetched. */
export function QueryView<T>(props: {
  query: QueryLike<T>;
  loading?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  const { query, loading, children } = props;
  // What is already on the screen stays there when a refresh fails.
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorAlert error={query.error} onRetry={() => query.refetch()} />;
  return loading ?? <LoadingRows />;
}

type LoadMoreProps = {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
  shown: number;
};

export function LoadMore({ query, shown }: LoadMoreProps) {
  const { t } = useTranslation();
  if (!query.hasNextPage) return null;
  return (
    <Group justify="center" mt="md" gap="md">
      <Text size="sm" c="dimmed">
        {t("paging.shown", { count: shown })}
      </Text>
      <Button variant="default" loading={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
        {t("paging.more")}
      </Button>
    </Group>
  );
}
