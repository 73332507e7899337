#include <stdio.h>

static int grade(int points) {
    if (points > 90 || points == 42) {
        return 1;
    } else if (points > 50) {
        return 2;
    }
    return 3;
}

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        printf("%d\n", grade(60 + i));
    if (argc > 5) {
        puts("many");
    }
    return 0;
}
