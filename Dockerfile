# syntax=docker/dockerfile:1
# Faultline in a container: docker build -t faultline . && docker run -p 127.0.0.1:8501:8501 faultline

ARG BASE_IMAGE=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

# The environment is made in a stage of its own: pip and its cache stay there.
FROM ${BASE_IMAGE} AS environment
COPY requirements.txt /
RUN python -m venv --without-pip /opt/faultline \
 && python -m pip --python /opt/faultline/bin/python install --no-cache-dir --only-binary :all: --require-hashes \
    -r /requirements.txt

FROM ${BASE_IMAGE}
# LightGBM needs the OpenMP runtime, which its package does not bring along.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/faultline faultline \
 && install --directory --owner=faultline --group=faultline --mode=0700 /var/lib/faultline
COPY --from=environment /opt/faultline /opt/faultline
WORKDIR /app
COPY . .
ENV PATH=/opt/faultline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FAULTLINE_HOME=/var/lib/faultline
USER 10001:10001
VOLUME /var/lib/faultline
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "serve"]
CMD ["--host", "0.0.0.0", "--port", "8501"]
