# Open Kana with its embedded PostgreSQL. docs/guides/deploying.md tells how to run it.
#   docker build -t open-kana .
#   docker run -d --name kana -p 127.0.0.1:4000:4000 -v kana:/data open-kana

FROM node:22-bookworm-slim AS build
WORKDIR /build/source
COPY . .
# Builds and bundles too. No package compiles anything.
RUN npm ci --no-audit --no-fund
RUN npm pack --ignore-scripts --pack-destination /build
WORKDIR /opt/open-kana
RUN npm install --omit=dev --no-audit --no-fund /build/open-kana-*.tgz

FROM node:22-bookworm-slim
COPY --from=build /opt/open-kana /opt/open-kana
RUN install -d -o node -g node -m 700 /data
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data PATH=/opt/open-kana/node_modules/.bin:$PATH
EXPOSE 4000
VOLUME ["/data"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const { PORT, BASE_PATH = '' } = process.env; fetch(`http://127.0.0.1:${PORT}${BASE_PATH}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--heap-growing-percent=50", "/opt/open-kana/node_modules/open-kana/dist/bundle/open-kana.js"]
