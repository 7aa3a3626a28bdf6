"""Carries out the instructions of a Dockerfile; each that writes makes a layer, kept until its inputs change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from release.image.base import bootstrap
from release.image.context import BuildContext
from release.image.dockerfile import DockerfileError, Instruction, Stage
from release.image.sandbox import PATH, Layers, build_command, build_environment, run, run_command


@dataclass(frozen=True)
class Image:
    """Layers and settings; `names` are folders of the cache, the lowest one first."""

    names: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    folder: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class Builder:
    """Builds the stages of one Dockerfile.

    Parameters
    ----------
    context
        What may be copied.
    store
        Folder of the layers.
    """

    def __init__(self, context: BuildContext, store: Path) -> None:
        self._context, self._store = context, store
        self._stages: dict[str, Image] = {}
        store.mkdir(parents=True, exist_ok=True)

    def build(self, stages: list[Stage]) -> Image:
        """Return the image of the last stage.

        Raises
        ------
        DockerfileError
            An instruction cannot be carried out.
        """
        image = Image()
        for stage in stages:
            image = self._base(stage.base)
            for instruction in stage.instructions:
                image = self._apply(image, instruction)
            self._stages[stage.name] = image
        return image

    def clean(self, image: Image) -> None:
        """Remove the layers that no stage of the last build has."""
        used = {name for stage in (*self._stages.values(), image) for name in stage.names}
        for path in self._store.iterdir():
            if path.name not in used:
                shutil.rmtree(path)

    def _base(self, name: str) -> Image:
        if name in self._stages:
            return self._stages[name]
        return self._layer(Image(), f"FROM {name}", lambda upper: bootstrap(name, upper))

    def _apply(self, image: Image, instruction: Instruction) -> Image:
        words = instruction.words() if instruction.word != "RUN" else []
        match instruction.word:
            case "ENV":
                return replace(image, environment=image.environment | _variables(words, image.environment))
            case "USER":
                return replace(image, user=words[0])
            case "ENTRYPOINT":
                return replace(image, entrypoint=tuple(words))
            case "CMD":
                return replace(image, command=tuple(words))
            case "WORKDIR":
                made = self._run(image, instruction, f"mkdir -p {words[0]}")
                return replace(made, folder=words[0])
            case "RUN":
                return self._run(image, instruction, f"cd {image.folder} && {instruction.text}")
        return self._copy(image, instruction, words)

    def _run(self, image: Image, instruction: Instruction, script: str) -> Image:
        def execute(upper: Path) -> None:
            layers = Layers(self._store, image.names)
            command = build_command(layers, upper, ["/bin/sh", "-c", script])
            run(command, self._store, build_environment(image.environment))

        key = f"RUN {sorted(image.environment.items())} {script}"
        return self._layer(image, key, execute, instruction)

    def _copy(self, image: Image, instruction: Instruction, words: list[str]) -> Image:
        flags = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        place = str(PurePosixPath(image.folder) / target) + ("/" if target.endswith("/") else "")
        if not flags:
            return self._copy_files(image, instruction, sources, place)
        origin, _, stage = flags[0].partition("=")
        if origin != "--from" or stage not in self._stages or len(flags) > 1:
            raise DockerfileError(f"line {instruction.line}: {' '.join(flags)} is not supported here")
        return self._copy_from(image, instruction, (self._stages[stage], sources[0]), place)

    def _copy_files(self, image: Image, instruction: Instruction, sources: list[str], place: str) -> Image:
        found = {source: self._context.files(source) for source in sources}
        for source, files in found.items():
            if not files:
                raise DockerfileError(
                    f"line {instruction.line}: COPY {source}: there is no such file, or .dockerignore leaves it out"
                )
        digests = [self._context.digest(files) for files in found.values()]

        def execute(upper: Path) -> None:
            for source, files in found.items():
                for file in files:
                    inside = file.relative_to(source) if (self._context.folder / source).is_dir() else file.name
                    whole = place.endswith("/") or target_is_folder(source)
                    target = upper / place.strip("/") / inside if whole else upper / place.strip("/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(self._context.folder / file, target)

        def target_is_folder(source: str) -> bool:
            return (self._context.folder / source).is_dir() or place == image.folder

        return self._layer(image, f"COPY {place} {digests}", execute, instruction)

    def _copy_from(self, image: Image, instruction: Instruction, source: tuple[Image, str], place: str) -> Image:
        origin, path = source

        def execute(upper: Path) -> None:
            target = upper / place.strip("/")
            target.mkdir(parents=True)
            mount = Path(f"{upper}.root")
            command = ["/bin/sh", "-c", 'mount -t overlay overlay -o "$1" "$2" && cp -a "$2$3/." "$4"', "sh"]
            lower = f"lowerdir={Layers(self._store, origin.names).lower}"
            run(
                ["unshare", "--mount", "--", *command, lower, str(mount), path, str(target)],
                self._store,
                {"PATH": PATH},
            )

        return self._layer(image, f"COPY {origin.names} {path} {place}", execute, instruction)

    def _layer(
        self, image: Image, key: str, execute: Callable[[Path], None], instruction: Instruction | None = None
    ) -> Image:
        name = hashlib.sha256(f"{image.names} {key}".encode()).hexdigest()[:16]
        if not (self._store / name).exists():
            shown = f"{instruction.word} {instruction.text}" if instruction else key
            sys.stderr.write(f"{shown[:110]}\n")
            self._make(name, execute, instruction)
        return replace(image, names=(*image.names, name))

    def _make(self, name: str, execute: Callable[[Path], None], instruction: Instruction | None) -> None:
        upper = self._store / f"{name}.part"
        folders = [upper, Path(f"{upper}.work"), Path(f"{upper}.root")]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        try:
            execute(upper)
        except subprocess.CalledProcessError as error:
            where = f"line {instruction.line}: {instruction.word}" if instruction else "FROM"
            raise DockerfileError(f"{where} ended with status {error.returncode}") from None
        for folder in folders[1:]:
            shutil.rmtree(folder)
        upper.chmod(0o755)
        upper.rename(self._store / name)


def _variables(words: list[str], present: dict[str, str]) -> dict[str, str]:
    """Return the variables of ENV, in which `$NAME` is a variable that is set already."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        for other, text in present.items():
            value = value.replace(f"${other}", text)
        found[name] = value
    return found


class Runner:
    """Runs commands of an image on a read-only root, as its user.

    Parameters
    ----------
    image
        What to run.
    store
        Folder of its layers.
    place
        An empty folder for mounts.
    """

    def __init__(self, image: Image, store: Path, place: Path) -> None:
        self.image, self._store, self._place = image, store, place

    def command(
        self,
        *arguments: str,
        entrypoint: tuple[str, ...] | None = None,
        user: str = "",
        binds: dict[Path, str] | None = None,
        capabilities: str = "",
    ) -> list[str]:
        """Return the command that runs the image with these arguments, as `sandbox.run_command` describes."""
        image = self.image
        whole = [*(image.entrypoint if entrypoint is None else entrypoint), *(arguments or image.command)]
        return run_command(
            Layers(self._store, image.names),
            self._place,
            whole,
            environment=image.environment,
            user=user or image.user,
            binds=binds,
            capabilities=capabilities,
        )
