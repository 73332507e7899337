package shop;

public class Grade {
    static int grade(int points) {
        if (points > 90 || points == 42) {
            return 1;
        } else if (points > 50) {
            return 2;
        }
        return 3;
    }

    static void never() {
        System.out.println("never");
    }

    public static void main(String[] args) {
        for (int p : new int[] {60, 70}) System.out.println(grade(p) > 1 ? "well" : "better");
        if (args.length > 5) never();
    }
}
